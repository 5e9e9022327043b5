import t from 'tap';
import * as directory from '#protocols/nfs3/directory.ts';
import * as file from '#protocols/nfs3/file.ts';
import * as filesystem from '#protocols/nfs3/filesystem.ts';
import * as names from '#protocols/nfs3/names.ts';
import * as object from '#protocols/nfs3/object.ts';
import * as types from '#protocols/nfs3/types.ts';
import { codecProperties } from '../../support/codecs/properties.ts';

for (const module of [types, object, names, file, directory, filesystem]) codecProperties(t, module);
