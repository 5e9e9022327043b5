/** Names and paths on the wire are bytes, kept as latin1 strings, one character a byte; people and volfiles write UTF-8. */

export const toWire = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

/** For people: what is no UTF-8 is shown as U+FFFD. */
export const fromWire = (wire: string): string => Buffer.from(wire, 'latin1').toString('utf8');
