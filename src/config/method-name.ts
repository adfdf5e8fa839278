import { type MethodName, methods } from '../methods/index.ts';
import { closest } from '../words.ts';
import { methodNames } from './schema.ts';

/** What a config may call a method: by its name, or by one of its arms', which sets the arm's switches too. */
export const namesOf = (method: MethodName) => [method, ...Object.keys(methods[method].arms)];

/** The method of that name, or with an arm of that name. */
export const methodNamed = (name: string): MethodName | undefined =>
  methodNames.find((method) => namesOf(method).includes(name));

/** The method or arm that a wrong name comes near, as the end of a sentence. */
export function meantMethod(name: unknown): string {
  const near = typeof name === 'string' ? closest(name, methodNames.flatMap(namesOf)) : undefined;
  return near === undefined ? '' : `, did you mean ${near}?`;
}
