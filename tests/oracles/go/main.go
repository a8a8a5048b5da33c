// verifylog checks an exported log with Go's own checksum-database code, which none of us wrote.
//
//	verifylog DIR VKEY_FILE
//
// It opens the checkpoint as a signed note, reads every entry, compares its hash with the tiles that
// golang.org/x/mod/sumdb/tlog authenticates against the root, and then checks inclusion and consistency proofs.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// dir reads tiles as C2SP tlog-tiles lays them out; Go's own layout has the height in front.
type dir string

func (d dir) Height() int { return 8 }

func (d dir) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		bytes, err := os.ReadFile(filepath.Join(string(d), path))
		if err != nil {
			return nil, err
		}
		out[i] = bytes
	}
	return out, nil
}

func (d dir) SaveTiles([]tlog.Tile, [][]byte) {}

// entries reads the bundle with index n of a log of size entries.
func (d dir) entries(n, size int64) ([][]byte, error) {
	tile := tlog.Tile{H: 8, L: 0, N: n, W: 256}
	if left := size - n*256; left < 256 {
		tile.W = int(left)
	}
	path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
	bytes, err := os.ReadFile(filepath.Join(string(d), path))
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for len(bytes) > 0 {
		if len(bytes) < 2 {
			return nil, fmt.Errorf("%s: cut short", path)
		}
		length := int(binary.BigEndian.Uint16(bytes))
		if len(bytes) < 2+length {
			return nil, fmt.Errorf("%s: cut short", path)
		}
		out = append(out, bytes[2:2+length])
		bytes = bytes[2+length:]
	}
	if len(out) != tile.W {
		return nil, fmt.Errorf("%s: %d entries, not %d", path, len(out), tile.W)
	}
	return out, nil
}

func verify(d dir, vkey string) error {
	started := time.Now()
	verifier, err := note.NewVerifier(strings.TrimSpace(vkey))
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(string(d), "checkpoint"))
	if err != nil {
		return err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return fmt.Errorf("checkpoint: not one of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return err
	}
	var root tlog.Hash
	if decoded, err := base64.StdEncoding.DecodeString(lines[2]); err != nil || copy(root[:], decoded) != 32 {
		return fmt.Errorf("checkpoint: no root")
	}
	hashes := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, d)

	for n := int64(0); n*256 < size; n++ {
		entries, err := d.entries(n, size)
		if err != nil {
			return err
		}
		indexes := make([]int64, len(entries))
		for i := range entries {
			indexes[i] = tlog.StoredHashIndex(0, n*256+int64(i))
		}
		stored, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			if tlog.RecordHash(entry) != stored[i] {
				return fmt.Errorf("entry %d is not what the tiles say", n*256+int64(i))
			}
		}
	}
	inclusions, consistencies := 0, 0
	for i := int64(0); i < 300 && i < size; i++ {
		at := i * (size / min(300, size))
		proof, err := tlog.ProveRecord(size, at, hashes)
		if err != nil {
			return err
		}
		leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, at)})
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, size, root, at, leaf[0]); err != nil {
			return fmt.Errorf("inclusion of %d: %w", at, err)
		}
		inclusions++
	}
	for i := int64(1); i <= 50 && i < size; i++ {
		old := i * (size / (min(50, size-1) + 1))
		oldRoot, err := tlog.TreeHash(old, hashes)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(size, old, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, size, root, old, oldRoot); err != nil {
			return fmt.Errorf("consistency with %d: %w", old, err)
		}
		consistencies++
	}
	fmt.Printf("%s: %d entries, %d inclusion and %d consistency proofs, %.1f s\n",
		verifier.Name(), size, inclusions, consistencies, time.Since(started).Seconds())
	return nil
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "verifylog DIR VKEY_FILE")
		os.Exit(2)
	}
	vkey, err := os.ReadFile(os.Args[2])
	if err == nil {
		err = verify(dir(os.Args[1]), string(vkey))
	}
	if err != nil {
		fmt.Println("REFUSED:", err)
		os.Exit(1)
	}
	fmt.Println("ACCEPTED")
}
