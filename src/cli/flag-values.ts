/** Checks the values of flags. Each error names the flag that is wrong. */
import { usageError } from './failure.ts';

/** The value of a flag that may be given once only: yargs makes an array of one that is repeated. */
export function once(flag: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) throw usageError(`expected ${flag} once, found it ${value.length} times`);
  return value as string;
}

/** Makes a coercion for yargs: text that is given once and is not empty. */
export const textOf = (flag: string) => (value: unknown) => {
  const text = once(flag, value);
  if (text === '') throw usageError(`expected a value for ${flag}, found nothing`);
  return text;
};

/** Makes a coercion for yargs: a whole number. */
export const integerOf = (flag: string, min: number, max: number) => (value: unknown) => {
  const text = once(flag, value);
  if (text === undefined) return undefined;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  if (number >= min && number <= max) return number;
  throw usageError(`expected a whole number from ${min} to ${max} for ${flag}, found "${text}"`);
};

/** Makes a coercion for yargs: whole numbers, separated by commas. */
export const integersOf = (flag: string, min: number, max: number) => (value: unknown) => {
  const one = integerOf(flag, min, max);
  return textOf(flag)(value)
    ?.split(',')
    .map(part => one(part.trim())!);
};

/** Makes a coercion for yargs: one of `words`, in upper or lower case. */
export const choiceOf =
  <const W extends string>(flag: string, words: readonly W[]) =>
  (value: unknown) => {
    const text = once(flag, value);
    if (text === undefined) return undefined;
    const found = words.find(word => word === text.toLowerCase());
    if (found === undefined) throw usageError(`expected one of ${words.join(', ')} for ${flag}, found "${text}"`);
    return found;
  };

/** Makes a coercion for yargs: texts of a flag that may be repeated. */
export const textsOf = (flag: string) => (value: unknown) => {
  const texts = value === undefined ? [] : ([value].flat() as string[]);
  if (texts.includes('')) throw usageError(`expected a value for ${flag}, found nothing`);
  return texts;
};
