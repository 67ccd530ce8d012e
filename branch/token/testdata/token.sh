#!/bin/sh
# Makes an Ed25519 key and tokens with it, with nothing but OpenSSL 3, for trying out.
#
#   token.sh key DIR KID            DIR/KID.pem, which signs, and DIR/keys.json for --jwks-file
#   token.sh token DIR KID CLAIMS   a token; CLAIMS are JSON without iat, nbf and exp
#
# A token is good for an hour, or for the seconds in $LIFETIME.
set -eu

# What RFC 7515 calls base64url: without padding.
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

key() {
	umask 077
	openssl genpkey -algorithm ed25519 -out "$1/$2.pem"
	# The public key is the last 32 bytes of its DER.
	x=$(openssl pkey -in "$1/$2.pem" -pubout -outform DER | tail -c 32 | base64url)
	printf '{"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "%s", "x": "%s"}]}\n' "$2" "$x" >"$1/keys.json"
}

token() {
	now=$(date +%s)
	times=$(printf '"iat":%d,"nbf":%d,"exp":%d' "$now" "$now" "$((now + ${LIFETIME:-3600}))")
	head=$(printf '{"alg":"EdDSA","typ":"JWT","kid":"%s"}' "$2" | base64url)
	body=$(printf '%s,%s}' "${3%\}}" "$times" | base64url)
	# OpenSSL signs a file with such a key, not what it reads.
	text=$(mktemp)
	trap 'rm -f "$text"' EXIT
	printf '%s.%s' "$head" "$body" >"$text"
	printf '%s.%s.%s\n' "$head" "$body" "$(openssl pkeyutl -sign -rawin -inkey "$1/$2.pem" -in "$text" | base64url)"
}

case "${1-} $#" in
"key 3" | "token 4") "$@" ;;
*)
	sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
