/** What each code that a command ends with means. `exec` ends with the code of the program that it ran. */
export const EXIT_CODES: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'failed, not found, or not what was asked for',
  2: 'the command line is wrong',
  3: 'the manifest or configuration is invalid',
  4: 'something that must be there first is missing',
  5: 'conflict: the plan is stale, the object exists, or another change came first',
  6: 'not authorised',
  7: 'the server cannot be reached',
  8: 'the outcome is unknown: the change may or may not have been made',
  10: '`plan --exit-code`: something would change',
  78: 'refuses to start: the state on disk is damaged, newer or foreign',
  127: 'a fault of Gantry itself',
  130: 'interrupted',
}
