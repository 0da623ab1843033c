/** Packets that a switch loses: from a port, to a port; null: from or to any. */
export interface Loss {
  readonly from: string | null
  readonly to: string | null
  /** 100: all of them. */
  readonly percent: number
}

const CHAIN = 'bridge faults forward'

/**
 * What to tell nftables so that exactly these losses happen, as one transaction. Only IP is lost: without ARP no link could
 * be dead in one direction alone.
 */
export function lossRules(losses: readonly Loss[]): string {
  return [
    'add table bridge faults',
    `add chain ${CHAIN} { type filter hook forward priority 0; policy accept; }`,
    `flush chain ${CHAIN}`,
    ...losses.map((loss) => `add rule ${CHAIN} ${lossRule(loss)}`),
  ].join('; ')
}

function lossRule({ from, to, percent }: Loss): string {
  return [
    'ether type { ip, ip6 }',
    ...(from === null ? [] : [`iifname "${from}"`]),
    ...(to === null ? [] : [`oifname "${to}"`]),
    ...(percent >= 100 ? [] : [`numgen random mod 10000 < ${Math.round(percent * 100)}`]),
    'counter',
    'drop',
  ].join(' ')
}

/** How many packets were lost since the losses changed last, as `nft list` tells. */
export function lostPackets(listing: string): number {
  return [...listing.matchAll(/counter packets (\d+)/g)].reduce((sum, [, packets]) => sum + Number(packets), 0)
}
