/** Distributed volumes of bricks in memory. */

/** The volfile of a distributed volume over so many bricks, each behind a connection that can break. */
export function distributed(
  count: number,
  kind: 'distribute' | 'nufa' | 'switch' = 'distribute',
  options: readonly string[] = [],
  store = '',
): string {
  const numbers = Array.from({ length: count }, (_, i) => i);
  const bricks = numbers.map(i =>
    [
      `volume m${i}`,
      '    type test/memory',
      ...(store === '' ? [] : [`    option store ${store}-${i}`]),
      'end-volume',
      `volume b${i}`,
      '    type test/failing',
      `    subvolumes m${i}`,
      'end-volume\n',
    ].join('\n'),
  );
  const top = [
    'volume dht',
    `    type cluster/${kind}`,
    ...options.map(option => `    option ${option}`),
    `    subvolumes ${numbers.map(i => `b${i}`).join(' ')}`,
    'end-volume\n',
  ];
  return [...bricks, ...top].join('\n');
}
