// Builds opentok.js, opentok.d.ts and opentok.css into dist/ or the folder named. The SDK is bundled from its sources.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

export const root = fileURLToPath(new URL('.', import.meta.url));

/** The licence of what is in the script asks to be named with it. */
const banner = '/*! ChatTok, for pages written for OpenTok.js 2, MIT. Contains graphql-ws, copyright (c) Denis Badurina, MIT. */';

const input = join(root, 'src/index.ts');

/** What the files are made of, by their names. */
async function outputs() {
  // The SDK's own address is of no use here: a classic script says where it came from in another way (src/server.ts).
  const define = { 'import.meta.url': 'undefined' };
  const script = await rolldown({ input, platform: 'browser', transform: { target: 'es2022', define } });
  const types = await rolldown({ input, plugins: [dts({ dtsOnly: true, tsconfig: join(root, 'tsconfig.json') })] });
  try {
    const [js] = (await script.generate({ format: 'umd', name: 'OT', exports: 'default', minify: true, comments: false })).output;
    const [declarations] = (await types.generate({ format: 'es' })).output;
    return {
      'opentok.js': `${banner}\n${js.code}`,
      'opentok.d.ts': declarations.code.replace('export { OT as default };', 'export = OT;'), // as a UMD module exports it
      'opentok.css': await readFile(join(root, 'src/opentok.css'), 'utf8'),
    };
  } finally {
    await script.close();
    await types.close();
  }
}

/** Writes the build into a folder, which has nothing else afterwards. Returns the files' names. */
export async function build(folder) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const files = Object.entries(await outputs());
  for (const [name, content] of files) await writeFile(join(folder, name), content);
  return files.map(([name]) => name);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build(process.argv[2] ?? join(root, 'dist'));
