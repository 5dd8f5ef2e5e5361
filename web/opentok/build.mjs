// Builds opentok.js, ot-widget.js, opentok.d.ts and opentok.css into dist/ or the folder named. The SDK is bundled from its
// sources.
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

export const root = fileURLToPath(new URL('.', import.meta.url));

/** Names the licences of the code in the script, as they demand. */
const banner = '/*! ChatTok, for pages written for OpenTok.js 2, MIT. */';

const input = join(root, 'src/index.ts');

const widgetBanner = '/*! ChatTok, for pages written for OpenTok 0.91, MIT. */';

/** Builds all files. Returns their contents by name. */
async function outputs() {
  // A classic script has no import.meta.url; src/server.ts finds the script's address in another way.
  const define = { 'import.meta.url': 'undefined' };
  const script = await rolldown({ input, platform: 'browser', transform: { target: 'es2022', define } });
  const widget = await rolldown({ input: join(root, 'src/ot-widget.ts'), platform: 'browser', transform: { target: 'es2022' } });
  const types = await rolldown({ input, plugins: [dts({ dtsOnly: true, tsconfig: join(root, 'tsconfig.json') })] });
  try {
    const [js] = (await script.generate({ format: 'umd', name: 'OT', exports: 'default', minify: true, comments: false })).output;
    const [widgetJS] = (await widget.generate({ format: 'iife', minify: true, comments: false })).output;
    const [declarations] = (await types.generate({ format: 'es' })).output;
    return {
      'opentok.js': `${banner}\n${js.code}`,
      'ot-widget.js': `${widgetBanner}\n${widgetJS.code}`,
      'opentok.d.ts': declarations.code.replace('export { OT as default };', 'export = OT;'), // matches the UMD module's export
      'opentok.css': await readFile(join(root, 'src/opentok.css'), 'utf8'),
    };
  } finally {
    await script.close();
    await widget.close();
    await types.close();
  }
}

/** Writes the build into a folder, replacing all of its content. Returns the files' names. */
export async function build(folder) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const files = Object.entries(await outputs());
  for (const [name, content] of files) await writeFile(join(folder, name), content);
  return files.map(([name]) => name);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build(process.argv[2] ?? join(root, 'dist'));
