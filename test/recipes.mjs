// The code of a page of docs/recipes, word for word; only the server's address is replaced.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.mjs';

export const secret = 'a secret of the tests that has 32 bytes at least';
export const authorization = { authorization: `Bearer ${secret}` };

/** Returns the blocks of code of a page in a language, in their order. */
export async function blocks(page, language) {
  const text = await readFile(new URL(`../docs/${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g'))].map(([, code]) => code);
}

/** Returns the block of a page whose first line is a comment that names a file. */
export async function block(page, name) {
  const code = (await blocks(page, '(?:js|go|graphql|yaml|python)')).find((code) => /^(?:\/\/|#) (\S+)\n/.exec(code)?.[1] === name);
  assert.ok(code, `docs/${page} has no ${name}`);
  return code;
}

/** Makes a folder that is removed after the test. */
export async function folderOf(t) {
  const folder = await mkdtemp(join(tmpdir(), 'chattok-recipe-'));
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes modules of a page into a folder that has the packages of this one, for a server, and returns the folder. */
export async function modules(t, server, ...named) {
  const folder = await folderOf(t);
  await symlink(fileURLToPath(new URL('node_modules', import.meta.url)), join(folder, 'node_modules'));
  for (const [page, name] of named) {
    await writeFile(join(folder, name), (await block(page, name)).replaceAll('http://127.0.0.1:8080', server.origin));
  }
  return folder;
}

/** Waits until a condition holds, and returns its value. what says more where it never does. */
export async function until(condition, what = condition) {
  for (const end = Date.now() + 60_000; ; await delay(20)) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `it did not come to be: ${what === condition ? what : what()}`);
  }
}

/** Runs an operation, and returns the reason or the code of its refusal, or "ok". */
export async function outcome(promise) {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    const { code, reason } = JSON.parse(error.message)[0].extensions;
    return reason ?? code;
  }
}
