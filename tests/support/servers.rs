//! The settings of the private servers, as text.
//!
//! `http://127.0.0.1:PORT/NAME/` is `sites/NAME/NAME/`: each site has a parent
//! folder of its own, which nobody serves, for what stands beside a site.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// PHP as both servers run it.
const PHP: &[(&str, &str)] = &[
    ("opcache.enable", "1"),
    ("opcache.revalidate_freq", "2"),
    ("memory_limit", "256M"),
    ("sendmail_path", "/bin/true"),
    ("user_ini.cache_ttl", "1"),
    ("display_errors", "0"),
    ("log_errors", "1"),
];

pub fn php_fpm(bed: &Path) -> String {
    let settings: String =
        PHP.iter().map(|(name, value)| format!("php_admin_value[{name}]={value}\n")).collect();
    let bed = bed.display();
    format!(
        "[global]\nerror_log={bed}/log/fpm.log\n\
         [www]\nuser=www-data\ngroup=www-data\nlisten={bed}/run/fpm.sock\nlisten.mode=0666\n\
         pm=static\npm.max_children=3\ncatch_workers_output=yes\nphp_admin_value[error_log]={bed}/log/php.log\n\
         {settings}"
    )
}

pub fn nginx(bed: &Path, port: u16) -> String {
    let bed = bed.display();
    format!(
        r#"user www-data;
worker_processes 1;
daemon off;
pid {bed}/run/nginx-master;
error_log {bed}/log/nginx.log;
events {{ worker_connections 256; }}
http {{
    include /etc/nginx/mime.types;
    access_log {bed}/log/nginx.access;
    client_body_temp_path {bed}/tmp;
    proxy_temp_path {bed}/tmp;
    fastcgi_temp_path {bed}/tmp;
    uwsgi_temp_path {bed}/tmp;
    scgi_temp_path {bed}/tmp;
    client_max_body_size 64m;
    server {{
        listen 127.0.0.1:{port};
        root {bed}/empty;
        index index.php index.html;
        include {bed}/conf/snippets/*.conf;
        location ~ ^/(?<site>[^/]+)/ {{
            root {bed}/sites/$site;
            try_files $uri $uri/ /$site/index.php?$args;
            location ~ \.php$ {{
                include /etc/nginx/fastcgi_params;
                fastcgi_param HTTP_HOST $http_host;
                fastcgi_param DOCUMENT_ROOT $document_root;
                fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
                fastcgi_pass unix:{bed}/run/fpm.sock;
            }}
        }}
    }}
}}
"#
    )
}

pub fn apache(bed: &Path, port: u16) -> String {
    let modules = ["mpm_prefork", "authz_core", "authz_host", "mime", "dir", "rewrite", "env", "alias"];
    let load: String = modules
        .iter()
        .chain(&["headers", "access_compat"])
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .collect();
    let php = one_named("/usr/lib/apache2/modules", "libphp", ".so");
    let settings: String =
        PHP.iter().map(|(name, value)| format!("php_admin_value {name} \"{value}\"\n")).collect();
    let bed = bed.display();
    format!(
        r#"ServerRoot {bed}/run
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {bed}/run/apache-master
ErrorLog {bed}/log/apache.log
User www-data
Group www-data
{load}LoadModule php_module {php}
TypesConfig /etc/mime.types
StartServers 2
MaxRequestWorkers 3
DocumentRoot {bed}/empty
DirectoryIndex index.php index.html
AliasMatch "^/([^/]+)(/.*)?$" "{bed}/sites/$1/$1$2"
php_admin_value error_log {bed}/log/php.log
{settings}<FilesMatch "\.php$">
SetHandler application/x-httpd-php
</FilesMatch>
<Directory {bed}/sites>
AllowOverride All
Options FollowSymLinks
Require all granted
</Directory>
"#,
        php = php.display(),
    )
}

/// The PHP-FPM of this machine, whatever its version.
pub fn php_fpm_program() -> PathBuf {
    one_named("/usr/sbin", "php-fpm", "")
}

fn one_named(folder: &str, start: &str, end: &str) -> PathBuf {
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(start) && name.ends_with(end)
    };
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(named)
        .unwrap_or_else(|| panic!("no {start}*{end} in {folder}: run ./test, which installs it"))
}
