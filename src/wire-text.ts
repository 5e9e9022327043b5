/**
 * Names and paths on the wire are bytes, kept as latin1 strings, one character a byte; people and volfiles write UTF-8.
 * Where bytes are no UTF-8, text has a lone surrogate for each of them (U+DC80 to U+DCFF, as Python's surrogateescape),
 * so that a path goes through command lines and volfiles without loss. On a terminal such a character shows as U+FFFD.
 */

/** The sequences of UTF-8 (RFC 3629, 4), or else one byte that belongs to none. */
const SEQUENCES =
  /[^\x80-\xff]+|(?:[\xc2-\xdf]|\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f]|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf])[\x80-\xbf]|([\x80-\xff])/g;
const ESCAPED = /([\udc80-\udcff])/u;
const ESCAPE = 0xdc00;

export const fromWire = (wire: string): string =>
  wire.replace(SEQUENCES, (sequence: string, stray?: string) =>
    stray === undefined
      ? Buffer.from(sequence, 'latin1').toString('utf8')
      : String.fromCharCode(ESCAPE + stray.charCodeAt(0)),
  );

export const textOfBytes = (bytes: Buffer): string => fromWire(bytes.toString('latin1'));

export function bytesOfText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const parts = text.split(ESCAPED);
  return Buffer.concat(
    parts.map((part, i) => (i % 2 === 0 ? Buffer.from(part, 'utf8') : Buffer.from([part.charCodeAt(0) - ESCAPE]))),
  );
}

export const toWire = (text: string): string => bytesOfText(text).toString('latin1');

/** A file name made from any text. Works like encodeURIComponent, which throws at characters that stand for a byte. */
export const fileNameOf = (text: string): string =>
  text
    .split(ESCAPED)
    .map((part, i) =>
      i % 2 === 0 ? encodeURIComponent(part.toWellFormed()) : `%${(part.charCodeAt(0) - ESCAPE).toString(16)}`,
    )
    .join('');
