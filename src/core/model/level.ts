/**
 * Level of the forms of messages and stored objects. What a level adds may be left out by whoever is one level behind, so
 * that programs one level apart work together while machines are being upgraded; the cluster's own level is raised when
 * all of them know the new one (`gantry upgrade`).
 *
 * - 1: the first.
 */
export const LEVEL = 1

/** Whether programs of these levels understand each other. */
export function understand(one: number, other: number): boolean {
  return Math.abs(one - other) <= 1
}
