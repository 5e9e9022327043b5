/**
 * Additional data of one fop, under GlusterFS's keys. In a call it asks for something or tells something; in an answer
 * it is the reply to that. A layer passes on what it does not know.
 */
export type Xdata = ReadonlyMap<string, XdataValue>;

/**
 * On GlusterFS's wire a number or bigint is an integer, a string is a string with its NUL, and a Buffer is a pointer to
 * bytes. A gfid is given as its 16 bytes.
 */
export type XdataValue = number | bigint | string | Buffer;
