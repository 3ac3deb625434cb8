#!/bin/bash
# Brings real releases into the cache as plain trees, laid out as their authors publish them:
#   wordpress-6.1 wordpress-6.8 wordpress-7 dokuwiki-old dokuwiki-new
# and `wordpress-6.8.zip`, `wordpress-7.tar.zst`. They come from Debian's packages, which are
# only unpacked, never installed. `NAME.about` tells a tree's version.
# A sid that cannot be had is no reason to stop: everything else is, with a message.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${ENTRACTE_TEST_CACHE:-$here/../../target/test-cache}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
# Started once more for each tree, since `set -e` sleeps in a function whose status is asked for.
if [ $# = 0 ]; then
  exec 9>"$cache/.lock"
  flock 9
fi

# What a tree was made by: another script makes it anew.
recipe=$(sha256sum "$0" | cut -c1-16)
is_ready() { [ -d "$cache/$1" ] && grep -qsx "recipe $recipe" "$cache/$1.about"; }
fail() { echo "releases: $*" >&2; exit 1; }

mirror() {
  grep -rhoE 'https?://[^] "]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null |
    grep -v '^https\?://snapshot' | head -n 1 | tr -d ' '
}

# apt with lists and settings of its own: the machine's are left alone.
private_apt() {
  local tool=$1 suite=$2
  shift 2
  "$tool" -q -o Dir::Etc::sourcelist="$cache/apt/$suite/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$cache/apt/$suite/lists" -o Dir::Cache="$cache/apt/$suite/cache" \
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root "$@"
}

# The package and the PHP and JavaScript libraries that it links to.
download() {
  local suite=$1 package=$2 extra=$3 folder=$cache/apt/$1 libraries
  mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial" "$folder/$package"
  local address
  address=$(mirror)
  local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$keyring] ${address:-http://deb.debian.org/debian} $suite main" >"$folder/sources.list"
  private_apt apt-get "$suite" update || return 1
  rm -f "$folder/$package"/*.deb
  libraries=$(private_apt apt-cache "$suite" depends --recurse --no-recommends --no-suggests --no-conflicts \
    --no-breaks --no-replaces --no-enhances "$package" | grep -E '^(php-|libphp-|libjs-)' |
    grep -vE '^php-(common|gd|mysql|mysqlnd|xml|curl|cli|fpm|cgi|phpdbg|mbstring|json|zip|intl|bcmath)$' | sort -u)
  (cd "$folder/$package" && private_apt apt-get "$suite" download "$package" $extra $libraries)
}

# Unpacks a package with its libraries and lets absolute links point into that folder.
unpack() {
  local suite=$1 package=$2 root=$cache/apt/$1/$2/root deb link target
  download "$suite" "$package" "${3:-}" >"$cache/$package-$suite.log" 2>&1 || {
    tail -n 5 "$cache/$package-$suite.log" >&2
    return 1
  }
  rm -rf "$root"
  mkdir "$root"
  for deb in "$cache/apt/$suite/$package"/*.deb; do dpkg-deb -x "$deb" "$root"; done
  find "$root" -lname '/*' | while read -r link; do
    target=$(readlink "$link")
    [ ! -e "$root$target" ] || ln -sfn "$root$target" "$link"
  done
}

# Copies a folder with every link replaced by what it points to.
plain_copy() {
  local dangling
  dangling=$(find "$1" -xtype l)
  [ -z "$dangling" ] || fail "links that lead nowhere: $dangling"
  rm -rf "$2"
  cp -RL --preserve=mode,timestamps "$1" "$2"
  chmod -R u=rwX,go=rX "$2"
}

about() {
  printf '%s\n' "$2" "recipe $recipe" >"$cache/$1.about"
  echo "$1: $2, $(find "$cache/$1" -type f | wc -l) files"
}

wordpress() {
  local name=$1 suite=$2 root=$cache/apt/$2/wordpress/root version
  is_ready "$name" && return
  # One theme that all three versions have, so that the active one stays.
  unpack "$suite" wordpress wordpress-theme-twentytwentythree
  rm -f "$root/usr/share/wordpress/wp-config.php" "$root/usr/share/wordpress/.htaccess"
  plain_copy "$root/usr/share/wordpress" "$cache/$name"
  cp -p "$root/var/lib/wordpress/wp-content/index.php" "$cache/$name/wp-content/"
  rm -rf "$root"
  version=$(php -r 'require $argv[1]; echo "version $wp_version\ndatabase $wp_db_version";' \
    "$cache/$name/wp-includes/version.php")
  about "$name" "$version"
}

# Debian spreads DokuWiki over /usr/share, /etc and /var/lib, and takes libraries out of vendor/.
dokuwiki() {
  local name=$1 suite=$2 root=$cache/apt/$2/dokuwiki/root tree
  is_ready "$name" && return
  unpack "$suite" dokuwiki
  tree=$root/usr/share/dokuwiki
  rm -f "$tree/.htaccess" "$tree/inc/preload.php" "$tree/.htaccess.dist.md5sum" "$root/var/lib/dokuwiki/inc"
  rm -f "$root"/etc/dokuwiki/{acl.auth.php,users.auth.php,plugins.local.php,userprint.css,userstyle.css}
  mv "$root/etc/dokuwiki" "$tree/conf"
  mv "$root/var/lib/dokuwiki/data" "$tree/data"
  mkdir "$tree/vendor/share"
  mv "$root/usr/share/php" "$root/usr/share/javascript" "$tree/vendor/share/"
  [ ! -d "$root/usr/share/php-geshi" ] || mv "$root/usr/share/php-geshi" "$tree/vendor/share/"
  # Links were made to point to where these folders have just been.
  find "$tree" -lname "$root/usr/share/*" | while read -r link; do
    target=$(readlink "$link")
    case $target in "$tree"/*) ;; *) ln -sfn "$tree/vendor/share/${target#"$root/usr/share/"}" "$link" ;; esac
  done
  find "$tree/vendor/share" -xtype l -delete
  plain_copy "$tree" "$cache/$name"
  rm -rf "$root"
  sed -i "s#\$vendorDir \. '/usr/share/#'/usr/share/#; s#'/usr/share/#__DIR__ . '/../share/#" \
    "$cache/$name"/vendor/composer/autoload_*.php
  grep -rlF "'/usr/share/" "$cache/$name/inc" "$cache/$name/lib/exe" | while read -r file; do
    sed -i "s#'/usr/share/#DOKU_INC . 'vendor/share/#" "$file"
  done
  sed -i "s#'/var/lib/dokuwiki/data'#'./data'#" "$cache/$name/conf/dokuwiki.php"
  # What Debian's packages know of jQuery without this file, whose content is only a cache key.
  local keys=$cache/$name/lib/scripts/jquery/versions
  [ -e "$keys" ] || { mkdir -p "${keys%/*}" && printf 'JQ_VERSION=3\nJQUI_VERSION=1\n' >"$keys"; }
  about "$name" "version $(cut -d ' ' -f 1 "$cache/$name/VERSION")"
}

# The list of files that a release no longer has is missing in Debian's newer packages.
dokuwiki_deleted_files() {
  local list=$cache/dokuwiki-new/data/deleted.files
  [ ! -e "$list" ] || return 0
  {
    cat "$cache/dokuwiki-old/data/deleted.files"
    printf '\n# removed in the newer release\n'
    comm -23 <(cd "$cache/dokuwiki-old" && find . -type f | sort) <(cd "$cache/dokuwiki-new" && find . -type f | sort) |
      sed 's#^\./##' | grep -vE '^(data|conf)/'
  } >"$list"
}

archive() {
  local tree=$1 file=$2
  [ "$cache/$file" -nt "$cache/$tree.about" ] && return
  rm -rf "$cache/packing" "$cache/$file"
  mkdir "$cache/packing"
  cp -a "$cache/$tree" "$cache/packing/wordpress"
  case $file in
  *.zip) (cd "$cache/packing" && zip -qr -1 "$cache/$file" wordpress) ;;
  *.tar.zst) tar -C "$cache/packing" -I 'zstd -3 -q' -cf "$cache/$file" wordpress ;;
  esac
  rm -rf "$cache/packing"
}

if [ $# != 0 ]; then
  "$@"
  exit
fi
make() { bash "$0" "$@"; }
make wordpress wordpress-6.1 bookworm || fail "Debian's WordPress of bookworm cannot be had"
make wordpress wordpress-6.8 trixie || fail "Debian's WordPress of trixie cannot be had"
make archive wordpress-6.8 wordpress-6.8.zip
make dokuwiki dokuwiki-old bookworm || fail "Debian's DokuWiki of bookworm cannot be had"
make dokuwiki dokuwiki-new trixie || fail "Debian's DokuWiki of trixie cannot be had"
make dokuwiki_deleted_files
if make wordpress wordpress-7 sid; then
  make archive wordpress-7 wordpress-7.tar.zst
else
  rm -rf "$cache/wordpress-7" "$cache/wordpress-7.about" "$cache/wordpress-7.tar.zst"
  echo "releases: *** sid's WordPress cannot be had: the hop to 7 is NOT tested ***" >&2
fi
