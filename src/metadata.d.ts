/**
 * The docstrings of controllers and DTOs, for the OpenAPI document. `nest build` writes them into `metadata.ts` after it has
 * checked the types; until then this declaration stands in for that file.
 */
declare const metadata: () => Promise<Record<string, unknown>>;
export default metadata;
