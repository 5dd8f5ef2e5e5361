import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    lib: { entry: 'src/index.ts', formats: ['es'], fileName: () => 'chattok.js' },
    target: 'es2022',
    minify: true,
    reportCompressedSize: false,
  },
  test: { include: ['test/**/*.test.ts'] },
});
