<?php
// install-wordpress.php FOLDER NAME: installs WordPress without mail, with 25 posts.
$_SERVER += ['HTTP_HOST' => getenv('HTTP_HOST'), 'SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_METHOD' => 'GET', 'REQUEST_URI' => '/'];
define('WP_INSTALLING', true);
function wp_new_blog_notification() {} // the pluggable one sends mail
chdir($argv[1]);
require 'wp-load.php';
require_once 'wp-admin/includes/upgrade.php';
wp_install('Site ' . $argv[2], 'admin', 'admin@example.org', true, '', 'admin-pw');
for ($i = 1; $i <= 25; $i++) {
    wp_insert_post([
        'post_title' => "Post $i é",
        'post_content' => str_repeat("Paragraph $i of the test. ", 40),
        'post_status' => 'publish',
        'post_author' => 1,
    ]);
}
switch_theme('twentytwentythree');
echo get_option('db_version');
