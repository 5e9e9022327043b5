/** Makes control characters, and those that change the direction of text, visible in logs that a terminal shows. */

// C1 controls and DEL; bidirectional marks, embeddings, overrides and isolates; line and paragraph separators.
const HARMFUL = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/**
 * Writes such characters of a line of JSON or of text as `\uXXXX`. In JSON they occur only in strings, so its meaning
 * stays the same; C0 controls are escaped in JSON anyway.
 */
export function harmless(line: string): string {
  return line.replace(HARMFUL, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
