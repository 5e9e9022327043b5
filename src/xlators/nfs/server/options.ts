/** The options of nfs/server that the actors look at; the whole table follows gNFS's names. */
export interface NfsOptions {
  /** Bytes that FSINFO announces and READ, WRITE and READDIR keep to. */
  readonly readSize: number;
  readonly writeSize: number;
  readonly readdirSize: number;
  /** 32-bit file ids and cookies, for clients that know no others (nfs.enable-ino32). */
  readonly ino32: boolean;
  /** Answer READDIRPLUS (nfs.rdirplus); NFS3ERR_NOTSUPP otherwise. */
  readonly readdirplus: boolean;
}
