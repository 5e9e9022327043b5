/** Tells whether a figure that goes up and down grows over time. */

/** The growth of a line fitted by least squares: its rise from the first value to the last, relative to the mean. */
export function growth(values: readonly number[]): number {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const middle = (count - 1) / 2;
  let covariance = 0;
  let variance = 0;
  for (const [i, value] of values.entries()) {
    covariance += (i - middle) * (value - mean);
    variance += (i - middle) ** 2;
  }
  return mean === 0 || variance === 0 ? 0 : ((covariance / variance) * (count - 1)) / mean;
}

/** Divides the values into `count` windows of equal length, and reduces each by `of`. */
export function windows(values: readonly number[], count: number, of: (window: readonly number[]) => number): number[] {
  const result: number[] = [];
  for (let i = 0; i < count; i++) {
    const window = values.slice(Math.floor((i * values.length) / count), Math.floor(((i + 1) * values.length) / count));
    if (window.length > 0) result.push(of(window));
  }
  return result;
}

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
export const leastOf = (values: readonly number[]): number => Math.min(...values);
