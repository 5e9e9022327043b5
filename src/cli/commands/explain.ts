import { isIP } from 'node:net';
import { type Explanation, explainRules, type Question } from '../../server/control/explain.ts';
import { integerOf, integersOf, textOf } from '../flag-values.ts';
import { command } from './command.ts';
import { ask, WHICH_OPTIONS } from '../control-client.ts';
import { EXIT, usageError } from '../failure.ts';
import { namesVolfile, planVolfile, type VolfileArguments, VOLFILE_OPTIONS } from '../volfile-argument.ts';

const ID_MAX = 0xffff_ffff;
/** The port that is assumed for the client: one that root's mount(8) uses. */
const RESERVED_PORT = 1023;

export const explain = command({
  options: {
    client: { type: 'string', coerce: textOf('--client'), describe: "the client's IP address" },
    path: { type: 'string', coerce: textOf('--path'), describe: 'the path that the client mounts, or one below it' },
    uid: { type: 'string', coerce: integerOf('--uid', 0, ID_MAX), describe: 'the user id of the caller' },
    gid: {
      type: 'string',
      coerce: integerOf('--gid', 0, ID_MAX),
      describe: 'the group id of the caller [the same as --uid]',
    },
    groups: {
      type: 'string',
      coerce: integersOf('--groups', 0, ID_MAX),
      describe: 'its supplementary group ids, separated by commas',
    },
    port: {
      type: 'string',
      alias: 'P',
      coerce: integerOf('--port', 0, 65_535),
      describe: `the client's port [${RESERVED_PORT}, which only root can use]`,
    },
    'server-port': {
      ...WHICH_OPTIONS.port,
      alias: [],
      coerce: integerOf('--server-port', 0, 65_535),
    },
    control: WHICH_OPTIONS.control,
    'state-dir': WHICH_OPTIONS['state-dir'],
    json: WHICH_OPTIONS.json,
    ...VOLFILE_OPTIONS,
  },
  examples: [
    ['bricknfs explain --client 10.0.0.7 --path /data/reports --uid 1000', 'asks the only running server'],
    ['bricknfs explain -f bricknfs.vol --client 10.0.0.7 --path /data --uid 0', 'examines the rules of a volfile'],
  ],

  async run(args) {
    const { client, path, uid } = args;
    if (client === undefined || path === undefined || uid === undefined) {
      throw usageError('expected --client ADDRESS, --path PATH and --uid NUMBER');
    }
    if (isIP(client) === 0) throw usageError(`expected an IP address for --client, found "${client}"`);
    const question: Question = {
      client,
      path,
      uid,
      gid: args.gid ?? uid,
      groups: args.groups ?? [],
      port: args.port ?? RESERVED_PORT,
    };
    const told = namesVolfile(args)
      ? await offline(args, question)
      : await ask<Explanation>({ ...args, port: args['server-port'] }, 'explain', question);
    process.stdout.write(args.json ? `${JSON.stringify(told, undefined, 2)}\n` : explanationText(told));
    return told.allowed ? EXIT.OK : EXIT.FAILED;
  },
});

async function offline(args: VolfileArguments, question: Question): Promise<Explanation> {
  const { exports, paths } = await planVolfile(args);
  const known = exports.flatMap(({ paths }) => paths);
  const { explanation } = await explainRules(paths, known, question);
  if (!explanation.allowed) return explanation;
  const reason = `${question.client} may mount ${explanation.export}; permissions there decide what it may do`;
  return { ...explanation, reason };
}

export function explanationText(told: Explanation): string {
  const lines = [`${told.allowed ? 'allowed' : 'refused'}: ${told.reason}`, `  by      ${told.rule} (${told.where})`];
  if (told.export !== undefined) lines.push(`  export  ${told.export}, volume ${told.volume}`);
  if (told.access) lines.push(`  access  ${accessText(told.access)}`);
  if (told.identity && told.squash) {
    const { uid, gid, groups } = told.identity;
    const more = groups.length === 0 ? '' : `, groups ${groups.join()}`;
    lines.push(`  acts as uid ${uid}, gid ${gid}${more} (${identityReason(told)})`);
  }
  if (told.object) lines.push(`  object  ${objectText(told.object)}`);
  return lines.map(line => `${line}\n`).join('');
}

function accessText({ mode, by, where }: NonNullable<Explanation['access']>): string {
  return where === 'default' ? `${mode} (default)` : `${mode} by ${by} (${where})`;
}

function identityReason({ squash, toldApart }: Explanation): string {
  if (toldApart === false) return "the server's own user, since it does not run as root";
  const { mode, applied, where } = squash!;
  const how = applied ? `squash ${mode}, ${where}` : 'as the client states';
  return toldApart === undefined ? `${how}, if the server runs as root` : how;
}

function objectText({ exists, error, type, mode, uid, gid, granted }: NonNullable<Explanation['object']>): string {
  if (error !== undefined) return exists ? `cannot be examined (${error})` : `does not exist (${error})`;
  return `a ${type}, mode ${mode}, owner ${uid}:${gid}, ${granted}`;
}
