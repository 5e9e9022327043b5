/** A byte-range lock (fcntl(2)); `end` is Infinity for "to the end of the file". */
export interface Flock {
  readonly type: 'read' | 'write' | 'unlock';
  readonly start: number;
  readonly end: number;
}
