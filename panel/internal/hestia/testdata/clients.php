<?php
// Talks to a panel the way three billing systems do, and judges the answers the way they do (hestia-api.md §1.8). Written
// for this test: what is theirs is how a request is built and what counts as success, in PHP's own arithmetic.
//
//	php clients.php URL < steps.json > verdicts.json
//
// A step is {client, credential, cmd, args}; its verdict is {ok, answer}.
declare(strict_types=0);
error_reporting(E_ALL);
set_error_handler(function (int $no, string $text) {
    fwrite(STDERR, "PHP: $text\n");
    exit(3);
});

$url = $argv[1];

function post(string $url, array $fields, array $headers = []): array
{
    $curl = curl_init();
    curl_setopt($curl, CURLOPT_URL, $url);
    curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
    curl_setopt($curl, CURLOPT_SSL_VERIFYPEER, false);
    curl_setopt($curl, CURLOPT_SSL_VERIFYHOST, 0);
    curl_setopt($curl, CURLOPT_TIMEOUT, 60);
    curl_setopt($curl, CURLOPT_POST, true);
    curl_setopt($curl, CURLOPT_POSTFIELDS, http_build_query($fields));
    if ($headers) {
        curl_setopt($curl, CURLOPT_HTTPHEADER, $headers);
    }
    $answer = curl_exec($curl);
    if ($answer === false) {
        fwrite(STDERR, 'curl: ' . curl_error($curl) . "\n");
        exit(4);
    }
    return [curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $answer];
}

function numbered(array $args): array
{
    $out = [];
    foreach ($args as $i => $a) {
        $out['arg' . ($i + 1)] = $a;
    }
    return $out;
}

// The WHMCS module: id:secret as hash, a number, compared loosely with 0.
function whmcs(string $url, array $s): array
{
    [, $answer] = post($url, ['hash' => $s['credential'], 'returncode' => 'yes', 'cmd' => $s['cmd']] + numbered($s['args']));
    return ['ok' => $answer == 0, 'answer' => $answer];
}

// FOSSBilling: the same, but its HTTP client throws on any status from 300, the word Error means no connection, and some
// numbers are as good as 0.
function fossbilling(string $url, array $s): array
{
    $fine = ['v-suspend-user' => [0, 6], 'v-delete-user' => [0, 3]];
    [$status, $answer] = post($url, ['cmd' => $s['cmd']] + numbered($s['args']) + ['returncode' => 'yes', 'hash' => $s['credential']]);
    $ok = $status < 300 && !str_contains($answer, 'Error') && in_array(intval($answer), $fine[$s['cmd']] ?? [0], true);
    return ['ok' => $ok, 'answer' => $answer, 'thrown' => $status >= 300];
}

// Blesta's Vesta module: name and password, a misspelt return_code, no Expect header; success is the word OK, and a listing
// is anything that decodes.
function blesta(string $url, array $s): array
{
    [$user, $password] = explode("\n", $s['credential']);
    $fields = numbered($s['args']) + ['user' => $user, 'password' => $password, 'cmd' => $s['cmd'], 'return_code' => 'yes'];
    [, $answer] = post($url, $fields, ['Expect:', 'Accept-Charset: UTF-8']);
    if (str_starts_with($s['cmd'], 'v-list-')) {
        return ['ok' => !empty(json_decode($answer, true)), 'answer' => $answer];
    }
    return ['ok' => $answer === 'OK', 'answer' => $answer];
}

$verdicts = [];
foreach (json_decode(stream_get_contents(STDIN), true) as $s) {
    $verdicts[] = $s['client']($url, $s);
}
echo json_encode($verdicts);
