/** Signed JSON, read as strictly as `recording` reads it: what one check cannot read, the other must not pass over. */
import { FORMATS, type Format } from "../lib/generated/formats";
import type { Bytes } from "./bytes";

/** Of a whole number the least and the one that is too much; of a text its lengths and pattern; `null`: any. */
type Shape =
  | "whole"
  | "text"
  | "bool"
  | "null"
  | "anything"
  | { readonly struct: string }
  | { readonly list: Shape }
  | { readonly tuple: readonly Shape[] }
  | { readonly map: Shape }
  | { readonly any: readonly Shape[] }
  | { readonly one: readonly unknown[] }
  | { readonly whole: readonly (number | null)[] }
  | { readonly text: readonly (number | string | null)[] };

const STRUCTS: Record<string, Record<string, Shape>> = FORMATS;
/** Half of a character that takes two units of UTF-16: no UTF-8 has it. */
const HALF = /\p{Surrogate}/u;

/** What these bytes say, or nothing if they are not of this format. */
export function decoded<T>(data: Bytes, format: Format): T | null {
  try {
    const found: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data));
    return fits(found, { struct: format }) ? (found as T) : null;
  } catch {
    return null;
  }
}

const isText = (value: unknown): value is string => typeof value === "string" && !HALF.test(value);
const isMap = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function fits(value: unknown, shape: Shape): boolean {
  if (shape === "anything") return true;
  if (shape === "null") return value === null;
  if (shape === "whole") return Number.isInteger(value);
  if (shape === "text") return isText(value);
  if (shape === "bool") return typeof value === "boolean";
  if ("struct" in shape) return isMap(value) && Object.entries(STRUCTS[shape.struct]!).every(([name, each]) => fitsField(value, name, each));
  if ("list" in shape) return Array.isArray(value) && value.every((each) => fits(each, shape.list));
  if ("tuple" in shape) return Array.isArray(value) && value.length === shape.tuple.length && shape.tuple.every((each, at) => fits(value[at], each));
  if ("map" in shape) return isMap(value) && Object.values(value).every((each) => fits(each, shape.map));
  if ("any" in shape) return shape.any.some((each) => fits(value, each));
  if ("one" in shape) return shape.one.includes(value);
  if ("whole" in shape) return fitsWhole(value, shape.whole);
  return fitsText(value, shape.text);
}

function fitsField(value: Record<string, unknown>, field: string, shape: Shape): boolean {
  const name = field.replace("?", "");
  return Object.hasOwn(value, name) ? fits(value[name], shape) : field !== name;
}

function fitsWhole(value: unknown, [least, tooMuch]: readonly (number | null)[]): boolean {
  return Number.isInteger(value) && (value as number) >= (least ?? -Infinity) && (value as number) < (tooMuch ?? Infinity);
}

function fitsText(value: unknown, [shortest, longest, pattern]: readonly (number | string | null)[]): boolean {
  if (!isText(value)) return false;
  const length = [...value].length;
  return length >= Number(shortest ?? 0) && length <= Number(longest ?? Infinity) && (typeof pattern !== "string" || new RegExp(pattern).test(value));
}
