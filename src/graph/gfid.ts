import { randomUUID } from 'node:crypto';

/** The length of a gfid in bytes. */
export const GFID_LENGTH = 16;

/** The gfid of every volume's root: 00…01. */
export const ROOT_GFID: Buffer = Buffer.concat([Buffer.alloc(GFID_LENGTH - 1), Buffer.of(1)]);

const TEXT = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A gfid as the text of a UUID: five groups of hexadecimal digits. */
export const gfidText = (gfid: Buffer): string =>
  gfid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

/** The 16 bytes of a UUID; `undefined` if the text is none. */
export const gfidOfText = (text: string): Buffer | undefined =>
  TEXT.test(text) ? Buffer.from(text.replaceAll('-', ''), 'hex') : undefined;

/** A gfid for a new object: a random UUID (RFC 9562, 5.4). */
export const randomGfid = (): Buffer => gfidOfText(randomUUID())!;

/** A gfid as the key of a map: a string with a character for each byte. */
export const gfidKey = (gfid: Buffer): string => gfid.toString('latin1');
