/** The volfile of a dispersed volume over bricks in memory whose connections can break. */
export function bricks(n: number, redundancy: number, options = '', stores = ''): string {
  const names = Array.from({ length: n }, (_, i) => `b${i}`);
  const leaves = names.map(
    (name, i) => `volume m${i}
 type test/memory
 ${stores === '' ? '' : `option store ${stores}${i}`}
end-volume
volume ${name}
 type test/failing
 subvolumes m${i}
end-volume
`,
  );
  return `${leaves.join('')}volume vol-disperse-0
 type cluster/disperse
 option redundancy ${redundancy}
 ${options}
 subvolumes ${names.join(' ')}
end-volume
`;
}
