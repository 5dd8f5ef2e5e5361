// Generates the operations' types and documents from the schema. The environment variable SCHEMA selects another schema
// file.
export default {
  schema: process.env.SCHEMA ?? '../../schema.graphqls',
  documents: 'src/operations.graphql',
  generates: {
    'src/generated/operations.ts': {
      plugins: [
        { add: { content: '// Made by `npm run generate` from schema.graphqls and src/operations.graphql; not to be edited.' } },
        'typescript-operations',
        './codegen-documents.cjs',
      ],
      config: {
        scalars: { Time: 'string', ID: 'string' },
        enumType: 'string-literal',
        enumsAsTypes: true,
        useTypeImports: true,
        skipTypename: true,
        avoidOptionals: false,
        immutableTypes: false,
        dedupeFragments: true,
        mergeFragmentTypes: false,
        inlineFragmentTypes: 'inline',
      },
    },
  },
};
