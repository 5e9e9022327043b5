/** What was promised of the bytes of a file: what a disk must hold of them after a power cut, and what it may hold. */
import { holds } from '../../soak/model/answer.ts';

interface Tried {
  readonly offset: number;
  readonly data: Buffer;
}

export class Promised {
  /** The content of the file while the power is on. */
  now = Buffer.alloc(0);
  /** 1 for each byte that must be on the disk with its current value. */
  #sure = new Uint8Array(0);
  /** The lengths that the file may have: these, and any in between, because a kernel writes back in parts. */
  #sizes = { min: 0, max: 0 };
  /** The content when all bytes were last certain. Uncertain bytes may have these values or be zero. */
  #base = Buffer.alloc(0);
  /** The writes since then. Uncertain bytes may have the values of any of them. */
  #tried: Tried[] = [];

  /** Notes that a write is sent. From here on the disk may hold it. */
  sendingWrite(offset: number, data: Buffer): void {
    this.#tried.push({ offset, data });
    this.#sizeMayBe(offset + data.length);
    this.#sure.fill(0, offset, offset + data.length);
  }

  /**
   * Notes that a write was answered. `durable`: its bytes are on the disk. `wholly`: the file's length is as well,
   * whatever it is.
   */
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

  /** Notes a new size. `durable`: a change of metadata is on the disk when it is answered. */
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

  /** Checks what was found on the disk. @throws {Mismatch} if the disk may not hold this */
  check(found: Buffer, what: string): void {
    const { min, max } = this.#sizes;
    const fits = found.length >= min && found.length <= max;
    holds(fits, `${what} has ${found.length} bytes, and may have ${min} to ${max}`);
    for (let i = 0; i < found.length; i++) {
      if (found[i] === this.now[i]) continue;
      holds(this.#sure[i] !== 1, `${what}: byte ${i} of ${found.length} was promised, but is lost`);
      holds(
        this.#mayBe(i, found[i]!),
        `${what}: byte ${i} of ${found.length} has a value that was never written there`,
      );
    }
  }

  /** Takes what was found as the content of the file, all of it certain. */
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
