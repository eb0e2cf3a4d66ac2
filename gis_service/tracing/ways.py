"""Ways to a source: the block tree below the root, for one phase or for all phases together.

An element `e` is *upstream* of `x` when `e` lies on some simple path from `x` to a source, and then `x` is
*downstream* of `e`. In a radial part that is the usual meaning; in a loop every element of the loop is
both upstream and downstream of every other, since either may carry the supply. A path starts in the
middle of an element, so an element is upstream and downstream of itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gis_service.kernels.blocks import Blocks, find_blocks, parent_blocks, spread_down, spread_up
from gis_service.kernels.compiled import B1, I32, U8
from gis_service.network.part import Part
from gis_service.tracing.outs import Starts


def phase_layers(mask: U8, phases: int) -> Iterator[tuple[int, B1]]:
    """(phase bits, edges that conduct them) for the wanted phases, equal ones taken together.

    Most grids are three-phase throughout: then this yields once.
    """
    waiting = [bit for bit in (1, 2, 4) if phases & bit]
    while waiting:
        bit, *rest = waiting
        conducts: B1 = (mask & bit) != 0
        same = [other for other in rest if np.array_equal((mask & other) != 0, conducts)]
        yield bit | sum(same), conducts
        waiting = [other for other in rest if other not in same]


@dataclass(frozen=True, eq=False)
class Found:
    """Nodes (root left out) and edges of an answer, bool `(n_nodes + 1,)` and `(n_edges,)`."""

    nodes: B1
    edges: B1


class Ways:
    """The block tree of one phase layer, hung from the root; parts without a source are not in it."""

    def __init__(self, part: Part, conducts: B1, allowed: B1) -> None:
        self.part = part
        self.blocks: Blocks = find_blocks(*part.arcs, conducts, allowed, np.array([part.root], np.int64))
        self.parent: I32 = parent_blocks(self.blocks)

    def upstream(self, starts: Starts) -> Found:
        """All that lies on a simple path from a start to a source; nothing for starts without supply."""
        blocks, found = self.blocks, self._nothing()
        own = blocks.node_block[starts.nodes]
        found.nodes[starts.nodes[own >= 0]] = True
        marked = np.zeros(blocks.size.size, np.bool_)
        marked[own[own >= 0]] = True
        leaf = np.zeros_like(marked)  # bridges that only a start of their own brings in
        for edge in starts.edges.tolist():
            block = int(blocks.edge_block[edge])
            if block >= 0:
                leaf[block] = blocks.size[block] == 1
                marked[block] = True
        chain = spread_up(self.parent, marked)
        found.edges[:] = self._in_blocks(blocks.edge_block, chain)
        above = np.zeros_like(chain)
        above[self.parent[chain & (self.parent >= 0)]] = True
        own_block = np.zeros_like(chain)
        own_block[own[own >= 0]] = True
        whole = chain & ~(leaf & ~above & ~own_block)
        found.nodes[:] |= self._in_blocks(blocks.node_block, whole)
        found.nodes[blocks.top[chain]] = True
        return self._finish(found)

    def downstream(self, starts: Starts) -> Found:
        """All from which a simple path to a source runs through a start."""
        blocks, found = self.blocks, self._nothing()
        marked = np.zeros(blocks.size.size, np.bool_)
        for edge in starts.edges.tolist():
            block = int(blocks.edge_block[edge])
            if block >= 0:
                marked[block] = True
        own = blocks.node_block[starts.nodes]
        above = own[own >= 0]
        marked[above[blocks.size[above] > 1]] = True
        hangs = np.zeros(self.part.n_nodes + 1, np.bool_)
        hangs[starts.nodes[own >= 0]] = True
        marked |= hangs[blocks.top]
        below = spread_down(self.parent, marked)
        found.edges[:] = self._in_blocks(blocks.edge_block, below)
        found.nodes[:] = self._in_blocks(blocks.node_block, below)
        found.nodes[starts.nodes[own >= 0]] = True
        return self._finish(found)

    def _nothing(self) -> Found:
        return Found(np.zeros(self.part.n_nodes + 1, np.bool_), np.zeros(self.part.n_edges, np.bool_))

    @staticmethod
    def _in_blocks(block_of: I32, wanted: B1) -> B1:
        answer = np.zeros(block_of.size, np.bool_)
        known = block_of >= 0
        answer[known] = wanted[block_of[known]]
        return answer

    def _finish(self, found: Found) -> Found:
        found.nodes[self.part.root] = False
        return found
