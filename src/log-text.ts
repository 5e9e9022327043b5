/** Control characters, and what changes the direction of text, show as what they are in logs that a terminal shows. */

// C1 controls and DEL; bidirectional marks, embeddings, overrides and isolates; line and paragraph separators.
const HARMFUL = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * A line of JSON, or of text, in which such characters are written as `\uXXXX`: in JSON, where they stand in strings
 * only, it still says the same. C0 controls are escaped in JSON anyway.
 */
export function harmless(line: string): string {
  return line.replace(HARMFUL, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
