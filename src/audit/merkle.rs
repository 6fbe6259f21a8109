//! The tree of RFC 6962, section 2.1: leaf = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right).

use openssl::sha::Sha256;

/// A SHA-256 hash.
pub(super) type Hash = [u8; 32];

/// Hash of an entry.
pub fn leaf_hash(data: &[u8]) -> Hash {
    let mut sha = Sha256::new();
    sha.update(&[0]);
    sha.update(data);
    sha.finish()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut sha = Sha256::new();
    sha.update(&[1]);
    sha.update(left);
    sha.update(right);
    sha.finish()
}

/// A stored frontier does not fit its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the log's frontier does not fit its size; run `leadbroker audit verify` on an export")]
pub struct FrontierError;

/// The right edge of a tree: enough to append and to know the root.
///
/// One hash for every one-bit of the size, from the largest complete subtree to the smallest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    edge: Vec<Hash>,
}

impl Frontier {
    /// Reads the edge of a tree of `size` leaves.
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Result<Self, FrontierError> {
        let (edge, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || edge.len() != size.count_ones() as usize {
            return Err(FrontierError);
        }
        Ok(Self { size, edge: edge.to_vec() })
    }

    /// The edge, for the database.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.edge.concat()
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf.
    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Every trailing one-bit of the old size is a complete subtree that the new leaf completes with.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.edge.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.edge.push(hash);
        self.size += 1;
    }

    /// The root; of no leaves at all, the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut edge = self.edge.iter().rev();
        let Some(last) = edge.next() else {
            return openssl::sha::sha256(&[]);
        };
        edge.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// The root over leaves, by the definition of RFC 6962.
pub fn root_of(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => openssl::sha::sha256(&[]),
        [leaf] => *leaf,
        _ => {
            let half = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(half);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The inputs and roots that Certificate Transparency implementations share.
    #[test]
    fn the_roots_are_those_of_certificate_transparency() {
        let inputs: [&str; 8] = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::default();
        assert_eq!(
            hex::encode(frontier.root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        for (input, root) in inputs.iter().zip(roots) {
            frontier.append(leaf_hash(&hex::decode(input).unwrap()));
            assert_eq!(hex::encode(frontier.root()), root);
        }
    }

    proptest! {
        #[test]
        fn the_frontier_agrees_with_the_definition(count in 0usize..200) {
            let leaves: Vec<Hash> = (0..count).map(|n| leaf_hash(&n.to_le_bytes())).collect();
            let mut frontier = Frontier::default();
            for leaf in &leaves {
                frontier.append(*leaf);
                let again = Frontier::from_bytes(frontier.size(), &frontier.to_bytes()).unwrap();
                prop_assert_eq!(&again, &frontier);
            }
            prop_assert_eq!(frontier.root(), root_of(&leaves));
        }
    }

    #[test]
    fn a_frontier_of_another_size_is_refused() {
        assert_eq!(Frontier::from_bytes(3, &[0; 32]), Err(FrontierError));
        assert_eq!(Frontier::from_bytes(1, &[0; 31]), Err(FrontierError));
    }
}
