/** Lays out rows in columns. Columns are as wide as needed, and columns of numbers are aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const numeric = head.map((_, i) => rows.length > 0 && rows.every(row => typeof row[i] === 'number'));
  const lines = [head, ...rows.map(row => row.map(String))].map(row => row.map(printable));
  const widths = head.map((_, i) => Math.max(...lines.map(row => row[i]!.length)));
  return lines
    .map(row => row.map((cell, i) => (numeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))).join('  '))
    .map(line => `${line.trimEnd()}\n`)
    .join('');
}

/** Makes control characters visible, so that text of a client cannot control the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, char => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function bytes(count: number): string {
  let unit = 0;
  let value = count;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function duration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.floor(seconds) % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  return (first < 0 ? parts.slice(3) : parts.slice(first, first + 2))
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}
