/** What the authority says of an incarnation that was meant. */
export function signatureOf(clusterId: string, incarnation: number): string {
  return `${clusterId} lives for the ${incarnation}th time`
}
