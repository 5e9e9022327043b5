/**
 * Characters that a file of lines and fields cannot hold are written as a backslash and three octal digits, as in mtab,
 * rmtab(5) and /proc/PID/mountinfo (proc(5)). Texts are latin1: a character for each byte.
 */

/** Escapes the characters that `special` matches; it must be global and match the backslash, too. */
export function escapeOctal(text: string, special: RegExp): string {
  return text.replace(special, char => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

export function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-3][0-7]{2})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
