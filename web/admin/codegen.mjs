// Generates the operations' types and documents from the schema, as the SDK's are. GraphQL Code Generator resolves paths
// against the working directory, which is web/sdk: its packages are there.
import sdk from '../sdk/codegen.mjs';

const [made] = Object.values(sdk.generates);

export default {
  ...sdk,
  documents: '../admin/src/operations.graphql',
  generates: { '../admin/src/generated/operations.ts': made },
};
