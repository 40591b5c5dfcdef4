/** The core's names as JavaScript writes them. */

type CamelName<Name> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelName<Tail>>}`
  : Name;

/** `T` with `expires_ms` as `expiresMs`, and so on, at every depth. */
export type Camel<T> = T extends readonly (infer Item)[]
  ? Camel<Item>[]
  : T extends object
    ? { [Name in keyof T as CamelName<Name>]: Camel<T[Name]> }
    : T;

export function camel<T>(value: T): Camel<T> {
  return convert(value) as Camel<T>;
}

function convert(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(convert);
  if (typeof value !== "object" || value === null) return value;
  const named = Object.entries(value).map(([name, inner]) => {
    const it = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    return [it, convert(inner)];
  });
  return Object.fromEntries(named);
}
