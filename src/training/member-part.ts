/** One member's view of an array with a leading member axis. */
export function memberPart<T extends Float32Array | Int32Array | Uint8Array>(
  array: T,
  members: number,
  member: number,
): T {
  const size = array.length / members;
  return array.subarray(member * size, (member + 1) * size) as T;
}
