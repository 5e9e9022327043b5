/**
 * The configuration of nfs-ganesha (Debian's packages nfs-ganesha and nfs-ganesha-vfs), which is measured beside the
 * server.
 */

export const GANESHA = { port: 2149, mountport: 20149 };

/** NFSv3 over TCP on the VFS FSAL, without anything that is not measured. */
export const ganeshaConfig = (dir: string) => `
NFS_CORE_PARAM {
  Protocols = 3;
  NFS_Port = ${GANESHA.port};
  MNT_Port = ${GANESHA.mountport};
  Enable_NLM = false;
  Enable_RQUOTA = false;
  Enable_UDP = false;
  mount_path_pseudo = false;
}
EXPORT {
  Export_Id = 1;
  Path = ${dir};
  Pseudo = /bench;
  Protocols = 3;
  Transports = TCP;
  Access_Type = RW;
  Squash = No_root_squash;
  SecType = sys;
  Disable_ACL = true;
  FSAL { Name = VFS; }
}
LOG { Default_Log_Level = EVENT; }
`;
