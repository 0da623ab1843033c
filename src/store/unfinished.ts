import { OperationalError } from '../core/errors.ts'

/** The refusal to use a place where a whole state was being taken in, which was cut off. */
export function unfinished(where: string): OperationalError {
  return new OperationalError(
    'STORE_UNFINISHED',
    `cannot use ${where}: a state was being put there, and is not whole`,
    {
      hint: 'repeat the `gantry store move` or `gantry backup restore` that was cut off; it begins anew or finishes',
    },
  )
}
