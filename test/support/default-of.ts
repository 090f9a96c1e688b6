/** The default export of a CommonJS module: `.default` when compiled by Jest, `.default.default` when imported by Node. */
export function defaultOf<T>(module: { default: { default: T } }): T {
  return module.default.default ?? (module.default as T);
}
