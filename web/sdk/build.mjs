// Builds chattok.js, its source map and chattok.d.ts into dist/ or a given folder.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

export const root = fileURLToPath(new URL('.', import.meta.url));

const banner = '/*! ChatTok SDK, MIT. */';

const input = join(root, 'src/index.ts');

/** Returns the output files by name. The source map contains the sources, with paths relative to this folder. */
async function outputs() {
  const script = await rolldown({ input, platform: 'browser', transform: { target: 'es2022' } });
  const types = await rolldown({ input, plugins: [dts({ dtsOnly: true, tsconfig: join(root, 'tsconfig.json') })] });
  try {
    const [js] = (await script.generate({
      format: 'es',
      minify: true,
      comments: false,
      postBanner: banner,
      sourcemap: true,
      entryFileNames: 'chattok.js',
      sourcemapPathTransform: (path) => path.replace(/^(\.\.\/)+/, ''),
    })).output;
    const [declarations] = (await types.generate({ format: 'es' })).output;
    return { 'chattok.js': js.code, 'chattok.js.map': js.map.toString(), 'chattok.d.ts': declarations.code };
  } finally {
    await script.close();
    await types.close();
  }
}

/** Replaces a folder's content with the output files. */
export async function build(folder) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(await outputs())) await writeFile(join(folder, name), content);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build(process.argv[2] ?? join(root, 'dist'));
