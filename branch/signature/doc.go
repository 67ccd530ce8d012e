// Package signature signs the batches that a branch writes, and checks those of others.
// So nobody can put a word into another branch's journal, whoever passes the journal on,
// and a journal shows who has written it.
//
// A signature is an ECDSA signature on P-256 over a short text, the id of the bank and
// the hash of the batch ([Message]). The key is that of a branch's certificate, and the
// certificate is what authorizes it, not a list of keys: a branch may have several, one
// for each machine, and gets another one whenever it likes. A signature names the
// certificate; certificates travel on the links, and are stored with the journals. That
// a certificate has expired says nothing about what was signed before, and nobody can
// tell when a batch was signed. So what ends a key's authority is a revocation, which
// says from which position of its branch's journal on.
//
//	signature.go  what is signed: Sign and Check, of one batch, by one key
//	authority.go  who says for whom a certificate speaks
//	chain.go      chains of certificates, as they travel
//	known.go      the certificates that this process knows
//	verified.go   what it has checked
//	process.go    Signatures: the two above, shared by the branches of a process
//	branch.go     Branch: signs for one branch, and checks what comes to it
//	ca.go         CA: an authority that knows nothing but the certificates of a bank's CA
//	audit.go      Audit: the journals of a whole disk, and who has signed what
//	proof.go      Proof: one entry, with all that an auditor needs to check who wrote it
//
// It knows the ledger's outlines of batches, and identities. Authorities, and the disk,
// are interfaces that it declares: package certs reads certificates from a folder.
package signature
