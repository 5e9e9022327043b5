const edits = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
};

/** Returns the word of `known` that is nearest to `word`, if it is at most `max` edits away. */
export function closest(word: string, known: Iterable<string>, max: number): string | undefined {
  if (word.length > 100) return undefined;
  let best: string | undefined;
  let least = max + 1;
  for (const candidate of known) {
    const distance = edits(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Returns ` (did you mean "…"?)` with the word of `known` that is most like `word`, or nothing if none is near. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const best = closest(word, known, Math.max(2, Math.floor(word.length / 3)));
  return best === undefined ? '' : ` (did you mean "${best}"?)`;
}
