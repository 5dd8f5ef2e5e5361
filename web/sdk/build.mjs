// Builds chattok.js with its source map, and chattok.d.ts, into dist/ or the folder named.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';

export const root = fileURLToPath(new URL('.', import.meta.url));

/** The licence of what is in the script asks to be named with it. */
const banner = '/*! ChatTok SDK, MIT. Contains graphql-ws, copyright (c) Denis Badurina, MIT. */';

const input = join(root, 'src/index.ts');

/** What the files are made of, by their names. The map has the sources in it, under their paths in this folder. */
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

/** Writes the build into a folder, which has nothing else afterwards. */
export async function build(folder) {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [name, content] of Object.entries(await outputs())) await writeFile(join(folder, name), content);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build(process.argv[2] ?? join(root, 'dist'));
