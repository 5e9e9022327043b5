/** Arithmetic in GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1, which the fragments of a file are made with. */

const POLYNOMIAL = 0x11d;
/** All elements but 0 are powers of 2: `EXP[i]` is 2^i, twice over, so that sums of two logarithms need no remainder. */
const EXP = new Uint8Array(510);
const LOG = new Uint8Array(256);
for (let i = 0, power = 1; i < 255; i++) {
  EXP[i] = EXP[i + 255] = power;
  LOG[power] = i;
  power = power & 0x80 ? (power << 1) ^ POLYNOMIAL : power << 1;
}

/** The rows of a matrix of elements. */
export type Matrix = readonly (readonly number[])[];

export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : EXP[LOG[a]! + LOG[b]!]!;
}

function inverse(a: number): number {
  if (a === 0) throw new RangeError('0 has no inverse');
  return EXP[255 - LOG[a]!]!;
}

/** The factors by which `k` chunks of data make the chunk of a brick; bricks are counted from 0. */
export function encodingRow(brick: number, k: number): number[] {
  const row: number[] = [];
  for (let j = k - 1, power = 1; j >= 0; j--, power = multiply(power, brick + 1)) row[j] = power;
  return row;
}

/** @throws {RangeError} the matrix has no inverse */
export function invert(matrix: Matrix): number[][] {
  const size = matrix.length;
  // Gauss-Jordan elimination on the matrix with the identity beside it.
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let column = 0; column < size; column++) {
    const found = rows.findIndex((row, i) => i >= column && row[column] !== 0);
    if (found < 0) throw new RangeError('the matrix has no inverse');
    [rows[column], rows[found]] = [rows[found]!, rows[column]!];
    const factor = inverse(rows[column]![column]!);
    const pivot = (rows[column] = rows[column]!.map(value => multiply(value, factor)));
    for (const [i, row] of rows.entries()) {
      const times = row[column]!;
      if (i !== column && times !== 0) rows[i] = row.map((value, j) => value ^ multiply(times, pivot[j]!));
    }
  }
  return rows.map(row => row.slice(size));
}
