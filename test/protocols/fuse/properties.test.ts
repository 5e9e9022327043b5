import t from 'tap';
import * as directory from '#protocols/fuse/directory.ts';
import * as file from '#protocols/fuse/file.ts';
import * as header from '#protocols/fuse/header.ts';
import * as names from '#protocols/fuse/names.ts';
import * as object from '#protocols/fuse/object.ts';
import { codecProperties } from '../../support/fuse/properties.ts';

for (const module of [directory, file, header, names, object]) codecProperties(t, module);
