import type { Setting, Stanza } from './volfile.ts';
import { shown, VolfileError } from './volfile-error.ts';

/**
 * Turns a shell pattern with `*` and `?`, which --xlator-option takes for names of volumes as in GlusterFS, into a
 * regular expression.
 */
function globOf(pattern: string): RegExp {
  const source = RegExp.escape(pattern).replaceAll('\\*', '.*').replaceAll('\\?', '.');
  return new RegExp(`^${source}$`, 's');
}

/**
 * Finds the volumes and the option that `NAME.OPTION` means. Names and options may both contain dots; the shortest name
 * that fits wins.
 */
function target(path: string, stanzas: readonly Stanza[]): { names: Set<string>; option: string } | undefined {
  for (let dot = path.indexOf('.'); dot >= 0; dot = path.indexOf('.', dot + 1)) {
    const glob = globOf(path.slice(0, dot));
    const names = stanzas.map(stanza => stanza.name).filter(name => glob.test(name));
    const option = path.slice(dot + 1);
    if (names.length > 0 && option !== '') return { names: new Set(names), option };
  }
  return undefined;
}

/**
 * Returns the stanzas with the options that `NAME.OPTION=VALUE` sets replaced or added; NAME may contain `*` and `?`.
 * @throws {VolfileError} an override is not of that form, no volume has such a name, or two contradict each other
 */
export function applyOverrides(stanzas: readonly Stanza[], overrides: readonly string[]): Stanza[] {
  let result = [...stanzas];
  const values = new Map<string, string>();
  for (const override of overrides) {
    const where = `--xlator-option ${override}`;
    const [, path, value] = /^([^=]+)=(.*)$/s.exec(override) ?? [];
    if (path === undefined || value === undefined || !path.includes('.')) {
      throw VolfileError.expected(where, 'NAME.OPTION=VALUE, NAME being a volume of the volfile', shown(override));
    }
    const before = values.get(path);
    if (before !== undefined && before !== value) {
      throw VolfileError.expected(where, `one value for ${path}`, `${shown(before)} and ${shown(value)}`);
    }
    values.set(path, value);
    const to = target(path, stanzas);
    if (!to) {
      const names = stanzas.map(stanza => stanza.name).join(', ');
      throw VolfileError.expected(where, `a volume of the volfile (${names})`, shown(path));
    }
    const setting: Setting = { value, where, override: true, ...(/[*?]/.test(path) && { glob: true }) };
    result = result.map(stanza =>
      to.names.has(stanza.name) ? { ...stanza, options: new Map(stanza.options).set(to.option, setting) } : stanza,
    );
  }
  return result;
}
