/**
 * Multiplies chunks by a matrix over GF(2^8). A chunk of 512 bytes holds 512 elements in 8 planes of 64 bytes, plane b
 * with bit b of every element. To multiply by a constant is to add up planes, so a whole matrix is a list of which input
 * planes each output plane is the sum (XOR) of. It is compiled to a WebAssembly module of straight-line code that adds
 * 128 bits at a time.
 */
import { type Matrix, multiply } from './gf8.ts';
import { type Memory, WebAssembly } from './webassembly.ts';

export const CHUNK = 512;
const PLANE = CHUNK / 8;
/** Bytes that one instruction adds. */
const LANE = 16;

/**
 * Computes `count` chunks of each output. All numbers are positions in the memory: where each input and then each output
 * begins, and how far apart the chunks of an input and of an output are.
 */
export type XorProgram = (...positions: readonly number[]) => void;

/** Instructions of WebAssembly (core specification, 5.4). */
const OP = {
  loop: [0x03, 0x40],
  end: [0x0b],
  brIf0: [0x0d, 0x00],
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  i32Const: 0x41,
  i32Add: 0x6a,
  i32Sub: 0x6b,
  v128Load: [0xfd, 0x00],
  v128Store: [0xfd, 0x0b],
  v128Const: [0xfd, 0x0c],
  v128Xor: [0xfd, 0x51],
} as const;
const I32 = 0x7f;

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 0x7f; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}

/** A constant from 0 to 8191: two bytes of signed LEB128. */
const constant = (value: number): number[] => [OP.i32Const, (value & 0x7f) | 0x80, value >>> 7];

const joined = (...parts: readonly (number | readonly number[])[]): number[] => parts.flat();
const sized = (content: readonly number[]): number[] => [...unsigned(content.length), ...content];
const section = (id: number, content: readonly number[]): number[] => [id, ...sized(content)];
const text = (value: string): number[] => sized([...Buffer.from(value)]);

/** The input planes, as `input * 8 + plane`, whose sum is the plane `bit` of the output with this row. */
function planesOf(row: readonly number[], bit: number): number[] {
  return row.flatMap((factor, input) => {
    const planes = [0, 1, 2, 3, 4, 5, 6, 7].filter(plane => (multiply(factor, 1 << plane) >> bit) & 1);
    return planes.map(plane => input * 8 + plane);
  });
}

/** The code that computes 128 bits of each plane of each output. Locals are the positions of inputs and outputs. */
function lanes(matrix: Matrix, inputs: number): number[] {
  // Positions are multiples of 16, as the alignment (2^4) says.
  const at = (plane: number) => [4, ...unsigned((plane & 7) * PLANE)];
  const code: number[] = [];
  for (const [output, row] of matrix.entries()) {
    for (let bit = 0; bit < 8; bit++) {
      code.push(OP.localGet, inputs + output);
      const planes = planesOf(row, bit);
      for (const [index, plane] of planes.entries()) {
        code.push(OP.localGet, plane >> 3, ...OP.v128Load, ...at(plane));
        if (index > 0) code.push(...OP.v128Xor);
      }
      if (planes.length === 0) code.push(...OP.v128Const, ...Array.from<number>({ length: 16 }).fill(0));
      code.push(...OP.v128Store, ...at(bit));
    }
  }
  return code;
}

/** The body of the function: for each chunk, for each lane of a plane, all planes of all outputs. */
function body(matrix: Matrix, inputs: number): number[] {
  const chunks = inputs + matrix.length; // the parameters: inputs, outputs, input stride, output stride, chunks
  const [inputStride, outputStride, count, lane] = [chunks, chunks + 1, chunks + 2, chunks + 3];
  const positions = Array.from({ length: chunks }, (_, i) => i);
  const nextLane = (i: number) => joined(OP.localGet, i, constant(LANE), OP.i32Add, OP.localSet, i);
  const nextChunk = (i: number) => {
    const stride = i < inputs ? inputStride : outputStride;
    const added = joined(OP.localGet, i, OP.localGet, stride, OP.i32Add);
    return joined(added, constant(PLANE), OP.i32Sub, OP.localSet, i);
  };
  const repeatUnlessZero = (local: number, less: number) =>
    joined(OP.localGet, local, constant(less), OP.i32Sub, OP.localTee, local, OP.brIf0, OP.end);
  const plane = joined(
    OP.loop,
    lanes(matrix, inputs),
    positions.flatMap(nextLane),
    repeatUnlessZero(lane, LANE),
    positions.flatMap(nextChunk),
  );
  const locals = [1, 1, I32]; // one beside the parameters: the bytes of a plane that are still to be done
  const start = joined(OP.loop, constant(PLANE), OP.localSet, lane);
  return joined(locals, start, plane, repeatUnlessZero(count, 1), OP.end);
}

/** Compiles the product with a matrix, for chunks in `memory`. A `count` of 0 is not allowed. */
export function compile(matrix: Matrix, memory: Memory): XorProgram {
  const inputs = matrix[0]!.length;
  const parameters = Array.from<number>({ length: inputs + matrix.length + 3 }).fill(I32);
  const bytes = joined(
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic and version
    section(1, [1, 0x60, ...sized(parameters), 0]), // a type: i32... -> ()
    section(2, [1, ...text('m'), ...text('m'), 2, 0, 1]), // import a memory of at least one page
    section(3, [1, 0]), // a function of that type
    section(7, [1, ...text('run'), 0, 0]), // export it
    section(10, [1, ...sized(body(matrix, inputs))]),
  );
  const module = new WebAssembly.Module(Uint8Array.from(bytes));
  const { run } = new WebAssembly.Instance(module, { m: { m: memory } }).exports;
  return run as XorProgram;
}
