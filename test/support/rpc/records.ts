/** The records in the bytes of a connection, each of one fragment (RFC 5531, 11). */
export class Records {
  #bytes = Buffer.alloc(0);

  /** Takes the next bytes, and answers the records that are complete by then. */
  take(chunk: Buffer): Buffer[] {
    let bytes = Buffer.concat([this.#bytes, chunk]);
    const records: Buffer[] = [];
    while (bytes.length >= 4) {
      const end = 4 + (bytes.readUInt32BE() & 0x7fff_ffff);
      if (bytes.length < end) break;
      records.push(bytes.subarray(4, end));
      bytes = bytes.subarray(end);
    }
    this.#bytes = bytes;
    return records;
  }
}
