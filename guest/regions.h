/* The sorted list of a space's regions. Nodes come from a pool that all spaces share. */
#pragma once
#include "spaces.h"

/* Start with an empty pool. */
void regions_init(void);

/* Make sure that the next n nodes are there, in the pool and within MAX_REGIONS; false: no memory. */
bool regions_reserve(const struct space *s, unsigned n);

/* The region that holds the address; the first one that ends after it. NULL: none. */
struct region_node *regions_find(const struct space *s, gva_t a);
struct region_node *regions_after(const struct space *s, gva_t a);

/* Put one in where nothing is. Takes one node. */
void regions_insert(struct space *s, const struct region *r);
/* Remove what lies in [start, end); regions that reach over an edge are cut. Takes one node, if a
 * region reaches over both edges. */
void regions_remove(struct space *s, gva_t start, gva_t end);
/* Cut the region that reaches over a, if there is one, in two. Takes one node. */
void regions_cut(struct space *s, gva_t a);
/* Unite neighbours that differ in nothing, if they touch within [start, end]. */
void regions_unite(struct space *s, gva_t start, gva_t end);
