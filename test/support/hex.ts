/** Parses annotated hex: digits in any grouping, with `//` comments that run to the end of the line. */
export function hex(text: string): Buffer {
  const digits = text.replaceAll(/\/\/.*$/gm, '').replaceAll(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`not hex: ${digits.match(/[^0-9a-f]/i)?.[0] ?? 'odd digits'}`);
  return Buffer.from(digits, 'hex');
}
