/** What was promised of a file's bytes: what a disk must have of them after a power cut, and what it may. */
import { holds } from '../../soak/model/answer.ts';

interface Tried {
  readonly offset: number;
  readonly data: Buffer;
}

export class Promised {
  /** As the file is, as long as the power is on. */
  now = Buffer.alloc(0);
  /** 1 for each byte that must be there as it is now. */
  #sure = new Uint8Array(0);
  /** Lengths that it may have: these, and any between, as a kernel writes back in parts. */
  #sizes = { min: 0, max: 0 };
  /** What bytes that are not sure may be, beside zeros: as they were when all were sure, */
  #base = Buffer.alloc(0);
  /** or as somebody has written them since. */
  #tried: Tried[] = [];

  /** A write is sent: from here on the disk may have it. */
  sendingWrite(offset: number, data: Buffer): void {
    this.#tried.push({ offset, data });
    this.#sizeMayBe(offset + data.length);
    this.#sure.fill(0, offset, offset + data.length);
  }

  /** It was answered. `durable`: with its own bytes on the disk; `wholly`: with the file's length whatever it is. */
  wrote(offset: number, data: Buffer, durable: boolean, wholly: boolean): void {
    const end = offset + data.length;
    if (end > this.now.length) this.#resize(end);
    data.copy(this.now, offset);
    if (!durable) return;
    this.#sure.fill(1, offset, end);
    if (wholly) this.#sizes = { min: this.now.length, max: this.now.length };
    else this.#sizes.min = Math.max(this.#sizes.min, end);
  }

  sendingSize(size: number): void {
    this.#sizes.min = Math.min(this.#sizes.min, size);
    this.#sizeMayBe(size);
    this.#sure.fill(0, size);
  }

  /** `durable`: a change of metadata is on the disk when it is answered. */
  setSize(size: number, durable: boolean): void {
    this.#resize(size);
    if (durable) this.#sizes = { min: size, max: size };
  }

  committed(): void {
    this.#sure.fill(1);
    this.#sizes = { min: this.now.length, max: this.now.length };
    this.#base = Buffer.from(this.now);
    this.#tried = [];
  }

  /** @throws {Mismatch} this is not what the disk must have */
  check(found: Buffer, what: string): void {
    const { min, max } = this.#sizes;
    const fits = found.length >= min && found.length <= max;
    holds(fits, `${what} has ${found.length} bytes, and may have ${min} to ${max}`);
    for (let i = 0; i < found.length; i++) {
      if (found[i] === this.now[i]) continue;
      holds(this.#sure[i] !== 1, `${what}: byte ${i} of ${found.length} was promised, and is lost`);
      holds(this.#mayBe(i, found[i]!), `${what}: byte ${i} of ${found.length} is what was never written there`);
    }
  }

  /** From here on that is what it is, and all of it is on the disk. */
  adopt(found: Buffer): void {
    this.now = Buffer.from(found);
    this.#sure = new Uint8Array(found.length);
    this.committed();
  }

  #sizeMayBe(size: number): void {
    this.#sizes.max = Math.max(this.#sizes.max, size);
  }

  #mayBe(at: number, byte: number): boolean {
    if (byte === 0 || byte === this.#base[at]) return true;
    return this.#tried.some(({ offset, data }) => data[at - offset] === byte);
  }

  #resize(size: number): void {
    const resized = Buffer.alloc(size);
    this.now.copy(resized);
    this.now = resized;
    const sure = new Uint8Array(size);
    sure.set(this.#sure.subarray(0, size));
    this.#sure = sure;
  }
}
