import { randomUUID } from 'node:crypto';

/** A gfid for a new object: a random UUID. */
export const randomGfid = (): Buffer => Buffer.from(randomUUID().replaceAll('-', ''), 'hex');
