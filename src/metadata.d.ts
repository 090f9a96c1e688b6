/**
 * What the build reads off the docstrings of controllers and DTOs, for the OpenAPI document: `nest build` writes it into
 * `metadata.ts`, once it has checked the types, so that this declaration stands in for it until then.
 */
declare const metadata: () => Promise<Record<string, unknown>>;
export default metadata;
